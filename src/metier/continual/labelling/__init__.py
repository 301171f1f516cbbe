"""Labels of people: the page of a terminal, how well labellers agree, and Label Studio's files in both directions."""
