/** Files of the inspector's page are text to the server, as in the build. */
module.exports = {
  process: (text) => ({ code: `module.exports = ${JSON.stringify(text)};` }),
};
