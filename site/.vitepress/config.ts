import { existsSync } from 'node:fs';
import { dirname, posix, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { slug } from 'github-slugger';
import { defineConfig } from 'vitepress';

const checkout = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const repository = 'https://github.com/leasepool/leasepool';

/** Where the site has a page, by its place in the checkout, where GitHub shows it as well. */
function placeOnSite(path: string): string | undefined {
  if (path === 'README.md') return '/';
  const [, page] = /^docs\/([\w-]+\.md)$/.exec(path) ?? [];
  return page === undefined ? undefined : `/${page}`;
}

const guide = [
  {
    text: 'Start',
    items: [
      { text: 'Quickstart', link: '/' },
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
      { text: 'Promises', link: '/promises' },
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
      { text: 'Bundlers', link: '/bundlers' },
    ],
  },
  {
    text: 'Evidence',
    items: [
      { text: 'Performance', link: '/performance' },
      { text: 'Behaviour matrix', link: '/behaviour-matrix' },
      { text: 'Runtimes', link: '/runtimes' },
      { text: 'The simulation', link: '/simulation' },
    ],
  },
  {
    text: 'Reference',
    items: ['', '/backend', '/bullmq', '/fastify', '/otel', '/prometheus'].map((path) => ({
      text: `leasepool${path}`,
      link: `/reference/leasepool${path}`,
    })),
  },
];

/** Many jobs, one batch. */
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="#2da44e">
  <rect x="1" y="2" width="6" height="3" rx="1"/><rect x="1" y="6.5" width="6" height="3" rx="1"/>
  <rect x="1" y="11" width="6" height="3" rx="1"/><rect x="9" y="2" width="6" height="12" rx="1"/>
</svg>`;

export default defineConfig({
  title: 'leasepool',
  description: 'Worker threads for many small synchronous jobs',
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(icon)}` }]],
  // The pages stay where GitHub shows them.
  srcDir: '..',
  srcExclude: [
    '{CHANGELOG,CONTRIBUTING,SECURITY}.md',
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
  vite: {
    // Vite looks for what need not be bundled from the pages' folder, which has none of it.
    ssr: { external: ['vue', 'vue/server-renderer'] },
    plugins: [
      {
        // Pages outside this package do not find it by themselves; what renders them runs inside, and does.
        name: 'vue of this package',
        enforce: 'pre',
        resolveId(id, importer, { ssr }) {
          const isPageOutside = importer?.endsWith('.md') === true && /^vue(?:\/|$)/.test(id);
          if (!isPageOutside) return undefined;
          if (ssr) return { id, external: true };
          return this.resolve(id, fileURLToPath(import.meta.url), { skipSelf: true });
        },
      },
    ],
  },
  markdown: {
    // A link to a heading works here and on GitHub.
    anchor: { slugify: slug },
    config(md) {
      // Links are those that work on GitHub: to another page, or to an example or a folder, which the repository shows.
      md.core.ruler.push('links of the checkout', ({ tokens, env }) => {
        const page = relative(checkout, (env.realPath ?? env.path) as string);
        if (page.startsWith('site')) return;
        for (const token of tokens.flatMap(({ children }) => children ?? [])) {
          const href = token.type === 'link_open' ? (token.attrGet('href') ?? '') : '';
          if (href === '' || /^(?:\w+:|[#/])/.test(href)) continue;
          const [, file, anchor] = /^([^#]*)(.*)$/.exec(href)!;
          const path = posix.join(posix.dirname(page), file);
          const place = placeOnSite(path);
          if (place !== undefined) token.attrSet('href', place + anchor);
          else if (existsSync(resolve(checkout, path)))
            token.attrSet('href', `${repository}/blob/main/${path}${anchor}`);
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
