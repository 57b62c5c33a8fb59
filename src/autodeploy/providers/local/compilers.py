"""What compilers, bundlers and static generators mean by their errors.

The patterns are texts of TypeScript 5 and 6, Vite 5 to 8, Rollup 4, Rolldown 1, esbuild 0.27,
webpack 5, Next.js 15 and 16, Astro 5 and 6, SvelteKit 2, Nuxt 4 and Nest 11, as those programs
printed them in November 2026.
"""

from autodeploy.kernel.outputs import Explanation

COMPILERS = (
    Explanation(
        r"(is not supported by (Astro|Next|Nuxt|Vite)!?|requires Node\.js (version )?[\d^>~]"
        r"|Node\.js version \"[^\"\n]*\" is required|Unsupported (Node\.js|engine))",
        "The framework does not run on the version of Node that was chosen.",
        'Ask for one that it supports: `"engines": {{"node": ">=22"}}` in package.json, or .nvmrc.',
    ),
    Explanation(
        r"error TS2307: Cannot find module '(?P<module>[^'\n]+)'",
        "TypeScript finds no {module}: it is missing in package.json (or its types are), or its "
        "file is not in the repository (mind upper and lower case).",
        "Add the package, or commit the file; `npx tsc --noEmit` shows the same on your machine.",
    ),
    Explanation(
        r"error TS\d+: ",
        "TypeScript found errors, and the build stops at them.",
        "Correct what the lines above name; `npx tsc --noEmit` shows the same on your machine.",
    ),
    Explanation(
        r"Can't resolve '(?P<webpack>[^'\n]+)'"
        r"|Roll(up|down) failed to resolve import [\"'](?P<rollup>[^\"'\n]+)"
        r"|Could not (resolve|load) [\"']?(?P<file>[^\"'\s]+)"
        r"|Failed to resolve import \"(?P<vite>[^\"\n]+)\"",
        "{webpack}{rollup}{file}{vite} is imported and is not there: it is missing in "
        "package.json, or its file is not in the repository (mind upper and lower case).",
        "Add the package to package.json and the lock file, or commit the file.",
    ),
    Explanation(
        r"\"(?P<name>[^\"\n]+)\" is not exported by \"(?P<file>[^\"\n]+)\"",
        "{file} does not export {name}.",
        "Correct the name, or use the version of the package that has it.",
    ),
    Explanation(
        r"Failed to collect (page data|configuration) for (?P<page>\S+)",
        "Next.js runs the page {page} while it builds, and the page failed there.",
        "Set what it reads (`autodeploy env set …`) before the build, or make the page dynamic.",
    ),
    Explanation(
        r"Error occurred prerendering page \"(?P<next>[^\"\n]+)\""
        r"|Caught error rendering (?P<astro>\S+?):",
        "The page {next}{astro} is rendered while the app is built, and failed there.",
        "Correct what the message names; data that it fetches must be there during the build.",
    ),
    Explanation(
        r"\[builtin:vite-transform\]|vite-plugin-svelte:compile|vite-plugin-svelte\] |vite:vue\]"
        r"|PARSE_ERROR|Syntax Error|SyntaxError|Unexpected token|Parsing ecmascript",
        "A file does not parse; the compiler names it with line and column.",
        "Correct that place.",
    ),
    Explanation(
        r"\bESLint:|✖ \d+ problems? \(",
        "The linter found errors, and the build stops at them.",
        "Correct them, or leave the linter out of the build.",
    ),
)
