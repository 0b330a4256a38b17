import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import GithubSlugger from 'github-slugger';
import { expect, test } from 'vitest';

const pages = [
  ...readdirSync('.').filter((file) => file.endsWith('.md')),
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
];

/** A page without its code, in which `#` and `](` mean something else. */
const prose = (page: string): string => readFileSync(page, 'utf8').replaceAll(/^(`{3,}).*\n[^]*?^\1$/gm, '');

/** The anchors of a page's headings, on GitHub and on the site. */
function anchors(page: string): string[] {
  const slugger = new GithubSlugger();
  return [...prose(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) =>
    slugger.slug(heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')),
  );
}

/** The links of a page to the checkout: those that name no protocol. */
function links(page: string): string[] {
  const withoutCode = prose(page).replaceAll(/`[^`\n]*`/g, '');
  return [...withoutCode.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link)
    .filter((link) => !/^\w+:/.test(link));
}

test.each(pages)('the links of %s lead to files and to headings that exist', (page) => {
  const broken = links(page).filter((link) => {
    const [path, anchor] = link.split('#');
    const target = path === '' ? page : normalize(join(dirname(page), path));
    if (!existsSync(target)) return true;
    if (anchor === undefined) return false;
    return statSync(target).isDirectory() || !anchors(target).includes(anchor);
  });
  expect(broken).toEqual([]);
});

test('links and headings are found', () => {
  expect(pages.flatMap(links).filter((link) => link.includes('#')).length).toBeGreaterThan(10);
  expect(anchors('docs/errors.md')).toContain('err_leasepool_queue_full');
});

test('the entries of the site lead to pages and to headings that exist', () => {
  const config = readFileSync('site/.vitepress/config.ts', 'utf8');
  const entries = [...config.matchAll(/link: '\/([\w-]+)(?:#([\w-]+))?'/g)];
  expect(entries.length).toBeGreaterThan(15);
  const broken = entries.filter(([, name, anchor]) => {
    const page = `docs/${name}.md`;
    return !existsSync(page) || (anchor !== undefined && !anchors(page).includes(anchor));
  });
  expect(broken.map(([link]) => link)).toEqual([]);
  const named = new Set(entries.map(([, name]) => `${name}.md`));
  expect(readdirSync('docs').filter((file) => file.endsWith('.md') && !named.has(file))).toEqual([]);
});
