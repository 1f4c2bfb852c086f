"""What can be looked for in speech as it comes: phrases, and regular expressions in linear time. Rules without I/O."""
