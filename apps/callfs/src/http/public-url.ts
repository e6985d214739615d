/** Under which address clients reach this server: `server.external_url`, or where it listens. */
export class PublicUrl {
  private base: string | undefined;

  constructor(configured: string | undefined) {
    this.base = configured;
  }

  /** Told once the server listens; a configured address stays. */
  listeningAt(url: string): void {
    this.base ??= url;
  }

  /** The absolute URL of a path of the API. */
  of(path: string): string {
    return `${this.base ?? ''}${path}`;
  }
}
