"""The hall's rule book: pure functions over a case's log. Standard library only; no clock, no randomness, no I/O."""
