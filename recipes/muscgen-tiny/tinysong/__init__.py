"""What muscgen-tiny's recipe composes, renders and says; `make.py` beside it runs all of it."""
