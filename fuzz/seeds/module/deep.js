export const f = async (a, { b = [1, ...c], d } = {}) => { label: for (const x of y) if (a ? b : c) do { new (class extends A { #p = `t${`n${1}`}`; static { await 1; } })() } while (!/[/]\/(?<n>x)/v.test(a / b / c)); else switch (a) { case 1: { break label } default: yield_ } };
((((((((((((((((((((((((((((((((([[[[[[[[[[[[[[{}]]]]]]]]]]]]]])))))))))))))))))))))))))))))))));
