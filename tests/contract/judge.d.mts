export interface JudgedAnswer {
  method: string;
  url: string;
  status: number;
  headers: Record<string, unknown>;
  body: Buffer;
}

export class Judge {
  judge(answer: JudgedAnswer): { operation: string | null; code: string | null; faults: string[] };
}
