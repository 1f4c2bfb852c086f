// The page around the panel's frame: it may ask, and it is told. docs/agent-panel.md has every message.

/** Who frames us, if the settings let it: its origin. */
function hostOrigin(origins) {
  if (parent === window) return null;
  const said = location.ancestorOrigins?.[0] ?? (document.referrer && new URL(document.referrer).origin);
  return [location.origin, ...origins].find((origin) => origin === said) ?? null;
}

export class Host {
  /** origins: of the settings. onMessage({type, …}): from the page around the frame, and from no other. */
  constructor(origins, onMessage) {
    this.origin = hostOrigin(origins);
    if (!this.origin) return;
    addEventListener("message", ({ source, origin, data }) => {
      const meant = source === parent && origin === this.origin && typeof data?.type === "string";
      if (meant && data.type.startsWith("sidecar:")) onMessage(data);
    });
  }

  tell(type, message = {}) {
    if (this.origin) parent.postMessage({ type: `sidecar:${type}`, ...message }, this.origin);
  }
}
