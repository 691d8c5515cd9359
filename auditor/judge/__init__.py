"""Floor 7: evidence + rules + waivers → findings. One function per rule; pure."""
