//! For each construct of TypeScript: the source, and the JavaScript that `strip` makes of it.

mod hazards;

use super::strip;
use crate::error::Source;
use crate::syntax::{Reading, parse};

/// Strips the types; checks that lines and columns stay and that the result parses.
fn stripped(typed: &str) -> String {
    let source = Source::new("a.ts", typed);
    let plain = strip(&source).unwrap_or_else(|error| panic!("{error}"));
    let lengths = |text: &str| {
        text.split('\n')
            .map(|line| line.chars().count())
            .collect::<Vec<_>>()
    };
    assert_eq!(lengths(typed), lengths(&plain), "{typed}\n{plain}");
    for (a, b) in typed.chars().zip(plain.chars()) {
        assert!(
            a == b || [' ', ';', '(', ')'].contains(&b),
            "{typed}\n{plain}"
        );
    }
    parse(&source, &plain, Reading::Strict, |_, _| Ok(()))
        .unwrap_or_else(|error| panic!("{error}\n{plain}"));
    plain
}

/// Collapses runs of spaces; [`stripped`] has checked how many there are.
fn squeeze(text: &str) -> String {
    let mut last = None;
    text.chars()
        .filter(|c| last.replace(*c) != Some(' ') || *c != ' ')
        .collect()
}

#[track_caller]
fn assert_stripped(rows: &[(&str, &str)]) {
    for (typed, plain) in rows {
        assert_eq!(squeeze(&stripped(typed)), *plain, "{typed}");
    }
}

#[test]
fn annotations() {
    assert_stripped(&[
        ("let a: string = 'a';", "let a = 'a';"),
        ("let a: string", "let a "),
        ("let a!: Map<string, number>;", "let a ;"),
        ("const {a, b: [c]}: T = x;", "const {a, b: [c]} = x;"),
        (
            "function f(a: A, b?: B, c: C = 1, ...d: D[]): E {}",
            "function f(a , b , c = 1, ...d ) {}",
        ),
        (
            "function f(a?, b? /* b */) {}",
            "function f(a , b /* b */) {}",
        ),
        (
            "function f({a}: {a: string}, [b]?: any) {}",
            "function f({a} , [b] ) {}",
        ),
        ("function f(this: Window, a) {}", "function f( a) {}"),
        ("function f(this: Window) {}", "function f( ) {}"),
        ("function f(a): asserts a is string {}", "function f(a) {}"),
        ("const f = (a: A): B => a;", "const f = (a ) => a;"),
        (
            "const f = async (a: A): Promise<B> => a;",
            "const f = async (a ) => a;",
        ),
        ("try {} catch (e: unknown) {}", "try {} catch (e ) {}"),
        ("for (const a of b as C[]) {}", "for (const a of b ) {}"),
        ("let é: 'é🚨\t', ü = 1; /* ü */", "let é , ü = 1; /* ü */"),
        (
            "const a = { b(c: C): D {}, get e(): E { return 1 } };",
            "const a = { b(c ) {}, get e() { return 1 } };",
        ),
    ]);
}

#[test]
fn generics() {
    assert_stripped(&[
        ("function f<T extends U = V>(a: T) {}", "function f (a ) {}"),
        ("const f = <T,>(a: T) => a;", "const f = (a ) => a;"),
        (
            "const f = async <T>(a: T) => a;",
            "const f = async (a ) => a;",
        ),
        (
            "f<A, B<C>>(x); new Map<K, V>(); new Set<T>;",
            "f (x); new Map (); new Set ;",
        ),
        (
            "tag<T>`x`; a?.<T>(b); const g = f<string>;",
            "tag `x`; a?. (b); const g = f ;",
        ),
        ("class A<T> extends B<T> {}", "class A extends B {}"),
        ("class A<T> implements B, C<T> {}", "class A {}"),
        (
            "class A extends f(B)<T> implements C {}",
            "class A extends f(B) {}",
        ),
        ("const A = class implements B {};", "const A = class {};"),
        (
            "class A { m<T>(a: T): T { return a } }",
            "class A { m (a ) { return a } }",
        ),
    ]);
}

#[test]
fn assertions() {
    assert_stripped(&[
        (
            "a = b as C; a = b as const; a = b as any as D;",
            "a = b ; a = b ; a = b ;",
        ),
        ("a = {b: 1} satisfies B;", "a = {b: 1} ;"),
        (
            "a!.b!(c!)![0]!; a! = b; a! ++;",
            "a .b (c ) [0] ; a = b; a ++;",
        ),
        (
            "(a as any) = 1; (a as A).b = 2; [a as any] = c;",
            "(a ) = 1; (a ).b = 2; [a ] = c;",
        ),
        (
            "const f = () => ({a: 1} as A);",
            "const f = () => ({a: 1} );",
        ),
        ("a = b /* why */ as /* C */ C", "a = b /* why */ "),
        ("a! /* keep */ == b", "a /* keep */ == b"),
    ]);
}

#[test]
fn declarations_of_types() {
    assert_stripped(&[
        (
            "export declare const a: A; export declare function f();",
            "; ; ",
        ),
        (
            "declare abstract class A {} export declare abstract class B {}",
            "; ; ",
        ),
        (
            "function f() { type A = 1; interface B {} return <T,>(a: A) => a }",
            "function f() { ; ; return (a ) => a }",
        ),
        (
            "import type a = require('a'); export as namespace b;",
            "; ; ",
        ),
        ("'use strict'; type A = 1;", "'use strict'; ; "),
        (
            "switch (a) { case 1: type A = 1; break }",
            "switch (a) { case 1: ; break }",
        ),
        ("type A = string;", "; "),
        ("interface A { b: string }", "; "),
        ("export type A = 1; export interface B {}", "; ; "),
        ("declare const a: A; declare function f(): void;", "; ; "),
        ("declare class A { b() }\ndeclare enum B { C }", "; \n; "),
        ("declare global { var a: A }", "; "),
        ("declare module 'x' { export const a: A }", "; "),
        ("namespace N { export type A = 1; interface B {} }", "; "),
        ("export default interface A {}", "; "),
        (
            "function f(a: A): void;\nfunction f(a) {}",
            "; \nfunction f(a) {}",
        ),
        (
            "export function f(a: A);\nexport function f(a) {}",
            "; \nexport function f(a) {}",
        ),
        (
            "export default function f(a: A);\nexport default function f(a) {}",
            "; \nexport default function f(a) {}",
        ),
        (
            "abstract class A {}\nexport abstract class B {}",
            " class A {}\nexport class B {}",
        ),
        (
            "export default abstract class A {}",
            "export default class A {}",
        ),
    ]);
}

#[test]
fn imports_and_exports() {
    assert_stripped(&[
        ("import type { A } from './a';", "; "),
        ("import type A from './a';", "; "),
        (
            "import { type A, b } from './a'; b();",
            "import { b } from './a'; b();",
        ),
        (
            "import { b, type A } from './a'; b();",
            "import { b, } from './a'; b();",
        ),
        // As in `tsc`, an import that is used only as a type is removed.
        ("import { A } from './a'; let a: A;", "; let a ;"),
        (
            "import { A, b } from './a'; let a: A = b();",
            "import { b } from './a'; let a = b();",
        ),
        (
            "import A, { b } from './a'; b() as A;",
            "import { b } from './a'; b() ;",
        ),
        (
            "import a, * as B from './a'; a() as B.C;",
            "import a from './a'; a() ;",
        ),
        (
            "import a, { type B } from './a'; a();",
            "import a, { } from './a'; a();",
        ),
        (
            "import './a'; import {} from './b';",
            "import './a'; import {} from './b';",
        ),
        (
            "import { a } from './a'; export { a };",
            "import { a } from './a'; export { a };",
        ),
        (
            "export type { A } from './a'; export type * from './b';",
            "; ; ",
        ),
        (
            "export { type A, b } from './a';",
            "export { b } from './a';",
        ),
        (
            "interface A {} const b = 1; export { A, b };",
            "; const b = 1; export { b };",
        ),
        ("type A = 1; export type { A };", "; ; "),
    ]);
}

#[test]
fn class_members() {
    assert_stripped(&[
        (
            "class A { private constructor(a?: A) { super.b!() } }",
            "class A { ; constructor(a ) { super.b () } }",
        ),
        (
            "class A { m?<T>(a: T) {} a? = 1; static override readonly b = 1 }",
            "class A { m (a ) {} a = 1; static b = 1 }",
        ),
        (
            "class A { abstract get a(): A; get b(): B { return 1 } }",
            "class A { ; get b() { return 1 } }",
        ),
        (
            "class A { a: string; b?: B; c!: C; d: D = 1 }",
            "class A { a; ; b; ; c; ; d = 1 }",
        ),
        (
            "class A { private a = 1; static readonly b = 2 }",
            "class A { ; a = 1; static b = 2 }",
        ),
        (
            "class A { public static async *m() {} }",
            "class A { ; static async *m() {} }",
        ),
        (
            "class A { protected get a(): A { return 1 } }",
            "class A { ; get a() { return 1 } }",
        ),
        (
            "class A { declare a: string; [k: string]: any }",
            "class A { ; ; }",
        ),
        (
            "abstract class A { abstract a: A; abstract m(): void; n() {} }",
            " class A { ; ; n() {} }",
        ),
        (
            "class A extends B { override m() {} }",
            "class A extends B { ; m() {} }",
        ),
        (
            "class A { m(a: A): void; m(a) {} }",
            "class A { ; m(a) {} }",
        ),
        (
            "class A { m?() {} ['x']?: X; ['y']: Y = 1 }",
            "class A { m () {} ['x']; ; ['y'] = 1 }",
        ),
        (
            "class A { constructor(a: A); constructor(a) {} }",
            "class A { ; constructor(a) {} }",
        ),
        (
            "class A { readonly = 1; private private = 2 }",
            "class A { readonly = 1; ; private = 2 }",
        ),
        (
            "class A { #a: A = 1; static { let b: B } }",
            "class A { #a = 1; static { let b } }",
        ),
    ]);
}
