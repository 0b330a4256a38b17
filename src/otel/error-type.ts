/** The value of `error.type`: few different ones, as the conventions ask for. */
export function errorType(error: unknown): string {
  const { code, name } = Object(error) as { readonly code?: unknown; readonly name?: unknown };
  if (typeof code === 'string') return code;
  return error instanceof Error && typeof name === 'string' ? name : '_OTHER';
}
