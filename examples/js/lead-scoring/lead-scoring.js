// A lead is scored. `lib` has the files of the folder `lib/` by their names: `lib/scoring.js` is
// `lib.scoring`. They see each other, and need no `import`.

export const condition = {
  leadType: { $in: ["contact_inquiry", "product_inquiry"] },
  email: /^[^\s@]+@[^\s@]+$/,
  leadScore: null,
};

export const content = async () => {
  const { points, reasons } = lib.scoring.score(data);
  const grade = lib.scoring.grade(points);
  data.leadScore = { points, grade, reasons, domain: lib.addresses.domain(data.email) };
  task.tags([...task.tags(), `grade-${grade}`]);
  console.log(`${points} points, grade ${grade}: ${reasons.join(", ") || "nothing known"}`);
};
