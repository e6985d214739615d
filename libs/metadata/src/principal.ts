/** A user or a group as the tree's owners are written: a name for a number. */
export interface Principal {
  readonly kind: 'user' | 'group';
  readonly id: number;
  readonly name: string;
}

/** A principal that must exist; without `id` the store chooses one. */
export interface PrincipalRequest {
  readonly kind: 'user' | 'group';
  readonly name: string;
  readonly id?: number;
}
