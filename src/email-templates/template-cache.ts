/** Keeps what was made for the most recently used keys, as long as they have at most `capacity` characters together. A failure to make is not kept. */
export class TemplateCache<T> {
  private readonly entries = new Map<string, T>();
  private characters = 0;

  constructor(private readonly capacity: number) {}

  get size(): number {
    return this.entries.size;
  }

  /** The value of the key, made now if it is not there. */
  get(key: string, make: () => T): T {
    const value = this.entries.get(key) ?? make();
    // A Map iterates in the order of insertion, so that the first key is the one unused for longest.
    if (!this.entries.delete(key)) this.characters += key.length;
    this.entries.set(key, value);
    while (this.characters > this.capacity && this.entries.size > 1) this.forgetOldest();
    return value;
  }

  private forgetOldest(): void {
    const oldest = this.entries.keys().next().value!;
    this.entries.delete(oldest);
    this.characters -= oldest.length;
  }
}
