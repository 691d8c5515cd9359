"""Floor 9: a report → where people work: which CI this is, one sticky comment, one file per forge."""
