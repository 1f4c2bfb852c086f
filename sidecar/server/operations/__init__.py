"""What operators and their programs ask: does it run, can it work, and what are its figures."""
