"""The witness list of a centre: who may testify with which status, such as expert witness, and since when."""
