/** Keeps what was made for the most recently used keys, at most `capacity` of them. A failure to make is not kept. */
export class TemplateCache<T> {
  private readonly entries = new Map<string, T>();

  constructor(private readonly capacity: number) {}

  get size(): number {
    return this.entries.size;
  }

  /** The value of the key, made now if it is not there. */
  get(key: string, make: () => T): T {
    const value = this.entries.get(key) ?? make();
    // A Map iterates in the order of insertion, so that the first key is the one unused for longest.
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size > this.capacity) this.entries.delete(this.entries.keys().next().value!);
    return value;
  }
}
