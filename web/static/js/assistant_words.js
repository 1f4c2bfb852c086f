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
  supervisor_wanted: "It asks for a supervisor",
  agreed: "Somebody said yes: it takes part.",
};

// Of these a trace stays when the assistant goes on to something else.
export const PROBLEMS = new Set(["failed", "gave_up", "no_room", "busy", "fallback", "model_lost", "model_gone"]);

const WHO = { chat: "the chat model", voice: "the voice", realtime: "the realtime model", assistant: "it" };
const DID = {
  timeout: "did not answer in time", unreachable: "cannot be reached", broken_off: "broke off", unauthorized: "does not take the key",
  out_of_credit: "has no credit left", unknown_model: "does not know this model", too_many_requests: "takes no more requests just now",
  bad_request: "did not take the request", too_long: "takes no text as long as this", vendor_failed: "failed at its vendor's",
  unreadable: "answered something unreadable", cut_off: "was cut off", filtered: "filtered its answer", endless: "came to no end",
  unavailable: "is not installed", overloaded: "has too much to do", language: "does not speak this language",
  not_configured: "is not configured", spent: "has used up its tokens", failed: "failed",
};

/** A note in words, with more to it: a stable code, which is put into words and told too, or text. */
export function noteWords(note, detail) {
  const words = NOTES[note] ?? note;
  if (!detail) return words;
  const [, who, did] = /^([a-z]+)_([a-z_]+)$/.exec(detail) ?? [];
  return `${words}: ${WHO[who] && DID[did] ? `${WHO[who]} ${DID[did]} (${detail})` : detail}`;
}

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
