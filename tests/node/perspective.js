// perspective-api-client, which has Perspective's address built in: one line points it to the service at argv[2].
const path = require("path");
const { createRequire } = require("module");
const Perspective = require("perspective-api-client");
const axios = createRequire(path.dirname(require.resolve("perspective-api-client")) + "/")("axios");

async function main(root, text) {
  axios.interceptors.request.use((request) => ({ ...request, url: root + new URL(request.url).pathname }));
  const client = new Perspective({ apiKey: "key-of-the-tests" });
  const analyzed = await client.analyze(text, { attributes: ["toxicity", "insult", "personal_attack"] });
  const refused = await client
    .analyze(text, { attributes: ["charm"] })
    .catch((error) => ({ name: error.name, message: error.message }));
  console.log(JSON.stringify({ analyzed, refused }));
}

main(...process.argv.slice(2));
