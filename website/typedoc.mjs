// The API reference as Markdown, for VitePress.

/** The entries by the names that they have for a user: `observe/otel` is `redis-response-cache/otel`. */
const entryName = (module) => module.replace(/^(?:.*\/)?/, '');

export default {
  extends: ['../typedoc.json'],
  plugin: ['typedoc-plugin-markdown'],
  out: 'pages/api',
  outputFileStrategy: 'members',
  entryFileName: 'index',
  hidePageHeader: true,
  hideBreadcrumbs: true,
  parametersFormat: 'table',
  useCodeBlocks: true,
  // `npm run api` treats them as errors.
  treatWarningsAsErrors: false,
  pageTitleTemplates: {
    index: 'API reference',
    module: ({ name }) =>
      entryName(name) === 'index' ? 'redis-response-cache' : `redis-response-cache/${entryName(name)}`,
    member: ({ name }) => name,
  },
};
