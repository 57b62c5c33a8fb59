module.exports = function (grunt) {
  grunt.initConfig({
    assemble: {
      pages: { expand: true, cwd: "src", src: "*.hbs", dest: "dist/" },
    },
  });
  grunt.loadNpmTasks("grunt-assemble");
  grunt.registerTask("build", ["assemble"]);
};
