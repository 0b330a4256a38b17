// Subjects of commits: at most 72 characters, one change each. Commits before the rule are left as they are.
import { execFileSync } from 'node:child_process';

const longest = 72;
/** The last commit before the rule. */
const before = '3e03212';

function git(...args) {
  return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

function subjects() {
  try {
    return git('log', '--no-merges', '--format=%s', `${before}..HEAD`).split('\n').filter(Boolean);
  } catch {
    console.log(`The subjects of commits were not checked: this checkout has no history back to ${before}.`);
    return [];
  }
}

const tooLong = subjects().filter((subject) => subject.length > longest);
for (const subject of tooLong) console.error(`${subject.length} characters, at most ${longest}: ${subject}`);
if (tooLong.length > 0) process.exitCode = 1;
