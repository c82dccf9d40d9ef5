import type { A } from './a';
export const condition = { name: String } as const;
interface B<T> { readonly c?: T | null;[key: string]: unknown }
abstract class D<T extends object> implements B<T> { private x!: number; declare y: T; constructor(public_: string) {} abstract z(): void; get q(): T { return this.y!; } }
const f = async <T,>(a: T, b?: Array<T>): Promise<T> => a satisfies T;
export const content = async (): Promise<void> => { data.é = `🚨 ${f<number>(1)}`; label: for (const k of [1]) { if (k as any) continue label; } };
