"""One module per event, and the edge: requests in, acknowledgements out."""
