/** A task after resolution, as backends see it. Plain data. */
export type ResolvedTask =
  | { readonly kind: 'reference'; readonly module: string; readonly name: string }
  | { readonly kind: 'source'; readonly source: string; readonly name: string };
