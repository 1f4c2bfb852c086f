"""The assistant's judgement: what is meant for it, when there is room, what was heard of it, what it may do. Pure."""
