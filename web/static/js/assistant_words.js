// The assistant's stable words in the words of people. A word that is not listed is shown as it is.

export const DOING = {
  inviting: "Inviting", joining: "Joining", listening: "Listening", thinking: "Thinking", speaking: "Speaking",
  leaving: "Leaving",
};

export const NOTES = {
  muted: "Somebody addressed it, but it is muted.",
  busy: "It has enough to do: what was asked last is dropped.",
  no_room: "It found no pause to speak in, and dropped its answer.",
  gave_up: "Thinking took too long, so it gave up this answer.",
  failed: "It could not answer",
  model_lost: "Its realtime model is away; chat model and voice answer until it is back",
  model_back: "Its realtime model is back.",
  model_gone: "Its realtime model cannot be had; chat model and voice answer",
  fallback: "Its realtime model gave no answer; chat model and voice do",
};

export const WHY = {
  addressed: "addressed by", follow_up: "follow-up of", always: "after", asked: "prompted", say: "exact words", goodbye: "goodbye",
};

export const OUTCOMES = {
  interrupted: "interrupted", stop_word: "stopped by a word", stopped: "stopped here", muted: "muted", leaving: "left",
  line_lost: "its stream was lost", service_restarted: "the service restarted", gave_up: "gave up",
  answered_by_human: "somebody else answered", more_was_said: "more was said", called_off: "called off",
  not_meant: "not meant", asked_otherwise: "asked otherwise", no_room: "no pause to speak in", failed: "failed",
};

export const TOOL_OUTCOMES = { done: "done", refused: "refused", failed: "failed" };
