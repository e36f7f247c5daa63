/** Lets a child process of a test require TypeScript files as they are. */
const { readFileSync } = require('node:fs');
const { transformSync } = require('@swc/core');

require.extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    swcrc: false,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  });
  module._compile(code, filename);
};

/** Files of the inspector's page are text to the server, as in the build. */
for (const extension of ['.js', '.html', '.css', '.svg']) {
  const load = require.extensions[extension];
  require.extensions[extension] = (module, filename) => {
    if (/\/src\/inspector\/page\/[^/]+$/.test(filename)) module.exports = readFileSync(filename, 'utf8');
    else load(module, filename);
  };
}
