// The token of a panel in a frame, where no cookie comes along. Empty for who is signed in.

const inFrame = document.body?.classList.contains("panel-page");

export const access = { token: (inFrame && new URL(location.href).searchParams.get("token")) || "" };

/** What a request carries to be let in. */
export const authorization = () => (access.token ? { Authorization: `Bearer ${access.token}` } : {});
