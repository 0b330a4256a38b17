import { existsSync } from 'node:fs';
import { dirname, posix, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';

const checkout = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const repository = 'https://github.com/leasepool/leasepool';

/** A page by its place in the checkout, where GitHub shows it as well. */
const isPage = (path: string): boolean => /^(?:README\.md|docs\/.*\.md|site\/reference\/.*\.md)$/.test(path);

const guide = [
  {
    text: 'Start',
    items: [
      { text: 'Quickstart', link: '/#first-example' },
      { text: 'Concepts and vocabulary', link: '/concepts' },
      { text: 'Which call do I need?', link: '/which-call' },
      { text: 'Coming from another pool', link: '/coming-from' },
    ],
  },
  {
    text: 'Using it',
    items: [
      { text: 'Configuration', link: '/configuration' },
      { text: 'Errors', link: '/errors' },
      { text: 'Stats', link: '/observability#stats' },
      { text: 'Shutdown', link: '/shutdown' },
      { text: 'Threads against processes', link: '/limits#threads-against-processes' },
      { text: 'Other threads', link: '/threads' },
      { text: 'When things go wrong', link: '/when-things-go-wrong' },
      { text: 'Limits', link: '/limits' },
    ],
  },
  {
    text: 'Recipes',
    items: [
      { text: 'Streams and iterables', link: '/streams' },
      { text: 'In a web server', link: '/frameworks' },
      { text: 'Command line', link: '/command-line' },
      { text: 'Seeing what goes on', link: '/observability' },
      { text: 'More than one machine', link: '/more-than-one-machine' },
      { text: 'Writing a backend', link: '/writing-a-backend' },
    ],
  },
  {
    text: 'Evidence',
    items: [
      { text: 'Performance', link: '/#performance' },
      { text: 'Behaviour matrix', link: '/behaviour-matrix' },
      { text: 'Runtimes', link: '/runtimes' },
      { text: 'The simulation', link: '/simulation' },
    ],
  },
  { text: 'Reference', items: [{ text: 'API', link: '/reference/' }] },
];

export default defineConfig({
  title: 'leasepool',
  description: 'Worker threads for many small synchronous jobs',
  // The pages stay where GitHub shows them.
  srcDir: '..',
  srcExclude: [
    '*.md',
    '!README.md',
    '{.changeset,.github,bench,build,dist,examples,scripts,src,test}/**',
    'docs/proof/**',
    'site/node_modules/**',
  ],
  rewrites: {
    'README.md': 'index.md',
    'docs/:page': ':page',
    'site/reference/:page*': 'reference/:page*',
  },
  outDir: 'dist',
  cacheDir: 'cache',
  markdown: {
    config(md) {
      // What a page links to and is no page (an example, a folder) is shown by the repository.
      md.core.ruler.push('files of the repository', ({ tokens, env }) => {
        const page = env.relativePath as string;
        const from = env.realPath ? posix.relative(checkout, env.realPath as string) : page;
        for (const token of tokens.flatMap(({ children }) => children ?? [])) {
          const href = token.type === 'link_open' ? (token.attrGet('href') ?? '') : '';
          if (href === '' || /^(?:\w+:|[#/])/.test(href)) continue;
          const path = posix.join(posix.dirname(from), href.replace(/#.*/, ''));
          if (!isPage(path) && existsSync(resolve(checkout, path)))
            token.attrSet('href', `${repository}/blob/main/${path}`);
        }
      });
    },
  },
  themeConfig: {
    outline: [2, 3],
    search: { provider: 'local' },
    nav: [
      { text: 'Guide', link: '/concepts' },
      { text: 'Reference', link: '/reference/' },
    ],
    sidebar: guide,
    socialLinks: [{ icon: 'github', link: repository }],
  },
});
