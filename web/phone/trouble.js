// Why a browser gives no sound or no microphone, and what to do about it: {what, why, cures}. Cures: [words, command].

/** Null where browsers allow audio: https, and this very machine. */
export function insecure({ protocol, hostname, port }, pagesPort = 0) {
  if (isSecureContext) return null;
  const forwards = [pagesPort, port].filter(Boolean).map((one) => `-L ${one}:127.0.0.1:${one}`);
  return {
    what: "Browsers allow sound and microphones on secure pages only",
    why: `This page came by ${protocol.slice(0, -1)} from ${hostname}. A page is secure by https, or when it comes from localhost.`,
    cures: [
      ["On this machine itself, open", `http://localhost:${port}/softphone`],
      ["From another machine, forward the ports and open that same address there", `ssh ${forwards.join(" ")} ${hostname}`],
      ["Or start the demo with a certificate of its own", "sidecar demo --tls"],
    ],
  };
}

const WHYS = {
  NotAllowedError: [
    "The microphone was not allowed",
    "The browser, or the system it runs on, was told to keep the microphone from this page.",
    "Allow it with the sign beside the address of this page, then join again",
  ],
  NotFoundError: ["There is no microphone", "The browser knows no device to record with.", "Connect a microphone or a headset, then join again"],
  NotReadableError: ["The microphone cannot be read", "The system refused it; another program may be using it.", "Close what records just now, then join again"],
};

/** For what getUserMedia throws. */
export function noMicrophone(error) {
  const [what, why, cure] = WHYS[error.name] ?? [
    "The microphone cannot be used", `The browser says: ${error.name}.`, "Try again, or in another browser",
  ];
  return { what, why, cures: [[cure]] };
}
