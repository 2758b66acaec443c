/** Asks each part whether it works; answers null for a part that does, else why it does not. */
export function readinessOf(parts: Record<string, () => Promise<void>>): () => Promise<Record<string, string | null>> {
  return async () => {
    const answers = Object.entries(parts).map(async ([name, check]) => [name, await faultOf(check)] as const);
    return Object.fromEntries(await Promise.all(answers));
  };
}

async function faultOf(check: () => Promise<void>): Promise<string | null> {
  try {
    await check();
    return null;
  } catch (error) {
    return (error as Error).message.split('\n')[0]!.slice(0, 200);
  }
}
