"""Tables from files, for the command line; needs pandas."""
