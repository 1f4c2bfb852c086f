"""Sound on calls, in ticks of 20 ms: what each track brings, who hears which mix, and what is recorded of it."""
