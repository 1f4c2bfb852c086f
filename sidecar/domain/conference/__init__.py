"""The course of a conference: facts go in, events and orders come out, time is a fact too. Rules without I/O."""
