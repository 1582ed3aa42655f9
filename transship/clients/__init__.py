"""The only modules that reach the network."""
