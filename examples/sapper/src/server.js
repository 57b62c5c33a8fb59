import polka from "polka";
import sirv from "sirv";
import * as sapper from "@sapper/server";

polka().use(sirv("static"), sapper.middleware()).listen(process.env.PORT);
