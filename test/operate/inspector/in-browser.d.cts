export function watched(id: string): string[];
export function isFocused(element: unknown): boolean;
export function focused(): string;
export function unnamed(): string[];
export function addMarkup(): string;
export function attack(origin: string): Promise<(number | string)[]>;
export function illegible(): string[];
export function moving(): string[];
export function copied(): Promise<string>;
