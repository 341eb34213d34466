"""One test for every rule that tells two languages apart, on snippets written for it."""

import pytest

from fusion.languages import LANGUAGES
from fusion.snippets.corpus.language import HEADER, OBJC_HEADER, PENDING, language_of, may_be_code, resolve_pending

C_HEADER = (
    "#ifndef QUEUE_H\n#define QUEUE_H\nstruct queue { int length; };\nint queue_push(struct queue *q, int x);\n#endif\n"
)
GUARDED = (
    '#ifdef __cplusplus\nextern "C" {\nnamespace c {\n#endif\nint add(int a, int b);\n#ifdef __cplusplus\n}\n#endif\n'
)
VERILOG = "module counter(input clk, output reg [3:0] n);\n  always @(posedge clk) n <= n + 1;\nendmodule\n"
MATLAB = "function y = twice(x)\n  % doubles\n  y = 2 * x;\nend\n"
PASCAL = "unit Twice;\ninterface\nfunction Double(x: Integer): Integer;\nimplementation\nbegin\nend.\n"
FORTRAN = "      subroutine twice(x, y)\n      real x, y\n      y = 2 * x\n      end\n"
ASSEMBLY = "    .globl add\nadd:\n    add a0, a0, a1\n    ret\n"

RULES = [
    # C headers, and what makes one C++ or Objective-C
    ("a.h", C_HEADER, HEADER),
    ("a.h", GUARDED, HEADER),
    ("a.h", "template <typename T>\nT twice(T x);\n", "C++"),
    ("a.h", "namespace queue {\nint length();\n}\n", "C++"),
    ("a.h", "class Queue {\n public:\n  int length;\n};\n", "C++"),
    ("a.h", "#include <vector>\nint length(const std::vector<int>& v);\n", "C++"),
    ("a.h", "@interface Queue : NSObject\n@property int length;\n@end\n", OBJC_HEADER),
    # .m: Objective-C, MATLAB, Mercury
    ("a.m", '#import "Queue.h"\n@implementation Queue\n@end\n', "Objective-C"),
    ("a.m", MATLAB, "MATLAB"),
    ("a.m", ":- module twice.\n:- interface.\n:- pred twice(int::in, int::out) is det.\n", None),
    ("a.mm", "@implementation Queue\n- (int)length { return 1; }\n@end\n", "Objective-C"),
    # .pl, .pro, .t: Perl, Prolog
    ("a.pl", "use strict;\nmy $x = shift;\nprint $x . qq(\\n);\n", "Perl"),
    (
        "a.pl",
        ":- module(family, [parent/2]).\nparent(ann, bob).\ngrand(X, Z) :- parent(X, Y), parent(Y, Z).\n",
        "Prolog",
    ),
    ("a.pro", "parent(ann, bob).\ngrand(X, Z) :- parent(X, Y), parent(Y, Z).\n", "Prolog"),
    ("a.pro", "QT += core gui\nTARGET = viewer\n", None),
    ("a.t", "use strict;\nuse Test::More;\nok(1);\ndone_testing;\n", "Perl"),
    ("a.t", "Some table\nof results\n", None),
    # .v, .sv: Verilog, SystemVerilog, Coq
    ("a.v", VERILOG, "Verilog"),
    ("a.v", "Require Import List.\nLemma same : forall n, n = n.\nProof. reflexivity. Qed.\n", None),
    ("a.sv", VERILOG, "SystemVerilog"),
    ("a.v", "`define WIDTH 8\ninterface bus;\n  logic [7:0] data;\nendinterface\n", "SystemVerilog"),
    # .fs: F#, GLSL
    ("a.fs", "module Twice\nlet twice x = 2 * x\n", "F#"),
    ("a.fs", "#version 330\nuniform vec4 tint;\nvoid main() { gl_FragColor = tint; }\n", "GLSL"),
    # .ts: TypeScript, Qt's translations
    ("a.ts", "export const twice = (x: number): number => 2 * x;\n", "TypeScript"),
    ("a.ts", '<?xml version="1.0"?>\n<!DOCTYPE TS>\n<TS version="2.1"></TS>\n', None),
    ("a.d.ts", "export declare const twice: (x: number) => number;\n", None),
    ("a.tsx", "export const Row = () => <td>one</td>;\n", "TSX"),
    # .js: JavaScript, JSX, Flow
    ("a.js", "export const twice = (x) => 2 * x;\n", "JavaScript"),
    ("a.js", "import React from 'react';\nexport const Row = () => (<td>one</td>);\n", "JSX"),
    ("a.js", "// @flow\nexport const twice = (x: number) => 2 * x;\n", None),
    # .inc, .php: PHP, Pascal
    ("a.inc", "<?php\nfunction twice($x) { return 2 * $x; }\n", "PHP"),
    ("a.inc", "procedure Twice;\nbegin\n  x := 2 * x;\nend;\n", "Pascal"),
    ("a.inc", '#include "twice.h"\nint twice(int x);\n', None),
    ("a.php", "<html><body>plain</body></html>\n", None),
    ("a.php", "<?php echo 1; ?>\n", "PHP"),
    # .cls, .cl, .r, .s, .pp, .f, .ss
    ("a.cls", "\\NeedsTeXFormat{LaTeX2e}\n\\ProvidesClass{letter}\n", "TeX"),
    ("a.cls", "public class Trigger { }\n", None),
    ("a.cl", '(in-package :twice)\n(defun twice (x) "doubles" (* 2 x))\n', "Common Lisp"),
    ("a.cl", "__kernel void twice(__global float *x) { x[get_global_id(0)] *= 2; }\n", None),
    ("a.r", "twice <- function(x) 2 * x\n", "R"),
    ("a.R", "library(stats)\ntwice <- function(x) 2 * x\n", "R"),
    ("a.r", "REBOL [Title: {Twice}]\ntwice: func [x] [2 * x]\n", None),
    ("a.s", ASSEMBLY, "Assembly"),
    ("a.S", ASSEMBLY, "Assembly"),
    ("a.s", "twice <- function(x) 2 * x\n", None),
    ("a.pp", PASCAL, "Pascal"),
    ("a.pp", "class motd { file { '/etc/motd': ensure => present } }\n", None),
    ("a.f", FORTRAN, "Fortran"),
    ("a.f", ": twice 2 * ;\n", None),
    ("a.ss", "(define (twice x) (* 2 x))\n", "Scheme"),
    # names and interpreters
    ("CMakeLists.txt", "project(twice)\n", "CMake"),
    ("Rakefile", "task :default do\nend\n", "Ruby"),
    ("run", "#!/usr/bin/env python3\nprint(1)\n", "Python"),
    ("run", "#!/bin/sh\nset -e\n", "Shell"),
    ("run", "#!/usr/bin/tclsh8.6\nputs 1\n", "Tcl"),
    ("README", "Twice doubles numbers.\n", None),
    ("a.min.js", "var a=1\n", None),
    ("pnpm-lock.yaml", "lockfileVersion: 9\n", None),
    ("._a.py", "print(1)\n", None),
]


@pytest.mark.parametrize(
    ("name", "text", "language"), RULES, ids=[f"{n}-{lang}-{i}" for i, (n, _, lang) in enumerate(RULES)]
)
def test_rule(name: str, text: str, language: str | None) -> None:
    assert language_of(f"src/{name}", text) == language
    if language is not None:
        assert may_be_code(f"src/{name}")


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_every_language_has_a_plain_way_in(name: str) -> None:
    """An extension that no rule asks about leads to its language whatever the file holds."""
    shared = {".h", ".m", ".pl", ".t", ".v", ".fs", ".vs", ".ts", ".js", ".inc", ".php", ".cls", ".cl", ".r", ".s",
              ".pp",               ".f", ".for", ".ss", ".mm", ".pro", ".mjs", ".cjs"}  # fmt: skip
    for extension in set(LANGUAGES[name].extensions) - shared:
        assert language_of(f"a{extension}", "anything\n") == name


def test_a_pending_header_is_of_the_language_of_its_package() -> None:
    assert resolve_pending(HEADER, {"C": 10}) == "C"
    assert resolve_pending(HEADER, {"C": 10, "C++": 19}) == "C"
    assert resolve_pending(HEADER, {"C": 10, "C++": 21}) == "C++"
    assert resolve_pending(HEADER, {"Objective-C": 5}) == "Objective-C"
    assert resolve_pending(OBJC_HEADER, {"Objective-C": 5}) == "Objective-C"
    assert resolve_pending(OBJC_HEADER, {"C": 5}) is None, "a C package that also speaks to Objective-C"
    assert {HEADER, OBJC_HEADER} == PENDING
