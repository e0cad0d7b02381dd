"""One module per revision, named `NNNN_what`."""
