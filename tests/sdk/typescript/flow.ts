// One flow of an app, over types made from the OpenAPI document: sign up, ask for a clip, wait for it, look at the
// balance. Prints what it saw as JSON. Usage: node build/flow.js URL EMAIL

import createClient from "openapi-fetch";
import type { components, paths } from "./build/kinora.js";

type Schemas = components["schemas"];
type Video = Schemas["Video"];

declare const process: { argv: string[] };

const [, , baseUrl = "", email = ""] = process.argv;
const client = createClient<paths>({ baseUrl });

/** What was answered, or the problem as an error. */
function answered<T>(answer: { data?: T; error?: Schemas["ProblemBody"] }): T {
  if (answer.data === undefined) {
    throw new Error(answer.error === undefined ? "nothing was answered" : answer.error.detail);
  }
  return answer.data;
}

/** Each status an app has to show; a new one would not compile until it is here. */
function isDone(status: Schemas["Status"]): boolean {
  switch (status) {
    case "queued":
    case "in_progress":
      return false;
    case "completed":
    case "failed":
    case "cancelled":
      return true;
  }
}

// Types that take everything would compile too: these must not.
export const wrong: Schemas["VideoCreate"][] = [
  // @ts-expect-error There is no such quality.
  { prompt: "a red ball", quality: "best" },
  // @ts-expect-error What is to be seen must be said.
  { seconds: 4 },
  // @ts-expect-error There is no such field.
  { prompt: "a red ball", lenght: 4 },
];

async function signUp(): Promise<Schemas["User"]> {
  const { access_token, user } = answered(
    await client.POST("/v1/auth/signup", { body: { email, password: "correct horse battery", locale: "fr" } }),
  );
  client.use({
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${access_token}`);
      return request;
    },
  });
  return user;
}

/** Holds each question until the clip is done, for a few seconds at most. */
async function waited(video: Video): Promise<Video> {
  while (!isDone(video.status)) {
    const params = { path: { video_id: video.id }, header: { Prefer: "wait=5" } };
    video = answered(await client.GET("/v1/videos/{video_id}", { params }));
  }
  return video;
}

async function main(): Promise<void> {
  const user = await signUp();
  const body: Schemas["VideoCreate"] = { prompt: "a red ball bounces over green hills at sunset", seconds: 1 };
  const estimate = answered(await client.POST("/v1/videos/estimate", { body }));
  const params = { header: { "Idempotency-Key": "the first clip" } };
  const video = await waited(answered(await client.POST("/v1/videos", { params, body })));
  const loop: Schemas["VideoLoop"] = { video: video.id, length: "short" };
  const another = answered(await client.POST("/v1/videos/estimate", { body: { ...loop, video: { id: video.id } } }));
  const poster = await client.GET("/v1/videos/{video_id}/content", {
    params: { path: { video_id: video.id }, query: { variant: "poster" } },
    parseAs: "arrayBuffer",
  });
  const balance = answered(await client.GET("/v1/billing/balance"));
  const refused = await client.POST("/v1/videos", { body: { prompt: "", quality: "full" } });
  console.log(
    JSON.stringify({
      email: user.email,
      estimated: estimate.credits,
      loop: another.credits,
      status: video.status,
      failure: video.failure?.code ?? null,
      cost: video.cost.credits,
      poster: poster.data?.byteLength ?? 0,
      available: balance.available,
      held: balance.held,
      refused: refused.error?.param ?? null,
    }),
  );
}

await main();
