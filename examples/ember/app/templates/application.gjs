<template><h1>Hello from Ember</h1></template>
