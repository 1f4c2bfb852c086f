"""What a tester has go wrong: what can be ordered, what is still to come, and faults that take their time. Pure."""
