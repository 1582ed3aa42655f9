"""The nouns and the decisions: no input or output, no clock, no environment."""
