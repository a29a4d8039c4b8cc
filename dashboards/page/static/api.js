// Requests to the server. Every failure is an ApiError whose message can be shown: the server's own sentence, if any.

export class ApiError extends Error {
  constructor(status, code, detail, since = null) {
    super(detail);
    this.status = status;
    this.code = code;
    this.since = since;
  }
}

const UNREACHABLE = "The page's own server does not answer: start it with `make up`. This page then refreshes automatically.";

/** The JSON at an address and its ETag. Raises ApiError; an aborted request raises AbortError. */
export async function get(path, query = "", signal = undefined) {
  let answer;
  try {
    answer = await fetch(query ? `${path}?${query}` : path, { cache: "no-cache", credentials: "same-origin", signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "page_unreachable", UNREACHABLE);
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return { body, etag: answer.headers.get("ETag") };
  if (body?.detail) throw new ApiError(answer.status, body.error, body.detail, body.since ?? null);
  throw new ApiError(answer.status, "no_answer", `The server answered with status ${answer.status} and without a message.`);
}
