"""The assistant's stay in a conference: invited, called in, listening, thinking, speaking, gone (docs/assistant.md)."""
