// Google's own client, built from the discovery document of the service at argv[2]; the scores of argv[3] as JSON.
const { google } = require("googleapis");

async function main(root, text) {
  const client = await google.discoverAPI(`${root}/$discovery/rest?version=v1alpha1`);
  const analyzed = await client.comments.analyze({
    key: "key-of-the-tests",
    requestBody: { comment: { text }, requestedAttributes: { TOXICITY: {}, SPAM: {} }, clientToken: "token" },
  });
  const suggested = await client.comments.suggestscore({
    key: "key-of-the-tests",
    requestBody: { comment: { text }, attributeScores: { TOXICITY: { summaryScore: { value: 1 } } }, clientToken: "t2" },
  });
  const refused = await client.comments
    .analyze({ key: "key-of-the-tests", requestBody: { comment: { text: "" }, requestedAttributes: { TOXICITY: {} } } })
    .catch((error) => ({ status: error.status, message: error.message }));
  console.log(JSON.stringify({ analyzed: analyzed.data, suggested: suggested.data, refused }));
}

main(...process.argv.slice(2));
