import { Component } from "@angular/core";

@Component({ template: "<h1>Hello from Analog</h1>" })
export default class HomePage {}
