/** The project's one version number. */
import config from "../../deno.json" with { type: "json" };

/** Version of Holdfast, as in deno.json. */
export const VERSION: string = config.version;
