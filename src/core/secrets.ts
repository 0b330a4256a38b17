/** What takes a secret's place. */
export const hidden = '***';

const secretName =
  /^(?:pass|pwd|pw|auth|key|pfx|pem)$|pass(?:word|wd|phrase|code)|secret|token|credential|api[_-]?key|private[_-]?key|authorization|user[_-]?name/i;

/** Whether a value of this name is for the eyes of few. */
export function isSecretName(name: string): boolean {
  return secretName.test(name);
}

/** User and password of a URL. A password that is not encoded may hold any sign; a port with a path behind it is none. */
const userInfo = /(:\/\/)(?:[^\s'"`/:]*:(?!\d+\/)[^\s'"`]*|[^\s'"`/]*)@/g;
/** … of one that `util.inspect()` has cut short within them. */
const userInfoCut = /(:\/\/)[^\s'"`@/]*:[^\s'"`@/]*(?=['"`]\.\.\. )/g;
const queryField = /([?&]([\w-]+)=)[^&#\s'"`]+/g;
/** `name: value` and `'name' => value`, as `util.inspect()` shows them. */
const shownField =
  /((['"]?)([\w-]+)\2(?:: | => ))(?!\[)(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|[^\s,}'"`]+)/g;

/** A text without what only few may know: credentials in URLs, and values whose names say so. */
export function withoutSecrets(text: string): string {
  return text
    .replace(userInfo, `$1${hidden}@`)
    .replace(userInfoCut, `$1${hidden}`)
    .replace(queryField, (field: string, begin: string, name: string) =>
      isSecretName(name) ? begin + hidden : field,
    )
    .replace(shownField, (field: string, begin: string, _quote: string, name: string) =>
      isSecretName(name) ? `${begin}'${hidden}'` : field,
    );
}
