"""One pure function per rule: what is known about one use → a draft of a finding, or nothing."""
